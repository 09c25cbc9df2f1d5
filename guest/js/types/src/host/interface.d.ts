export type TaskStatus = import("../errors.js").TaskStatus;
export type Priority = import("../record.js").Priority;
export type WireDraft = import("../record.js").WireDraft;
export type WireTask = import("../record.js").WireTask;
export type WireScope = import("../repository.js").WireScope;
export type WireChange = {
    podStatus: string | undefined;
    launcherOutput: string | undefined;
};
export type CurrentTaskHost = {
    get: () => WireTask;
    setStatus: (status: TaskStatus, logEntry: string | undefined) => TaskStatus;
    log: (message: string) => TaskStatus;
    flush: () => TaskStatus;
    setProgress: (done: number | bigint, total: number | bigint | undefined, note: string | undefined) => TaskStatus;
    updateResult: (change: WireChange) => TaskStatus;
    setActiveJobs: (jobs: string[]) => TaskStatus;
    cancelRequested: () => boolean;
};
export type RepositoryHost = {
    nextTaskId: () => string;
    peekNextTaskId: () => string;
    save: (draft: WireDraft, onlyIf: {
        tag: string;
        val?: string;
    }) => string;
    get: (taskId: string) => WireTask;
    delete: (taskId: string) => boolean;
    setStatus: (taskId: string, status: TaskStatus, logEntry: string | undefined) => TaskStatus;
    appendLogs: (taskId: string, messages: string[]) => TaskStatus;
    updateResult: (taskId: string, change: WireChange) => TaskStatus;
    setActiveJobs: (taskId: string, jobs: string[]) => TaskStatus;
    setPriority: (taskId: string, priority: Priority) => TaskStatus;
    listTasks: (scope: WireScope, limit: number, cursor: string | undefined) => {
        tasks: WireTask[];
        next?: string | null | undefined;
    };
    listUsers: (service: string) => string[];
};
export type Host = {
    currentTask: CurrentTaskHost;
    repository: RepositoryHost;
    /**
     * at most so many bytes of standard input; undefined at its
     * end
     */
    readInput: (most: number) => Uint8Array | undefined;
};
