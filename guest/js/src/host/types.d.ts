// What a host is to the SDK: the WIT imports in their own shapes, and standard input.

import type { TaskStatus } from "../errors.js";
import type { WireDraft, WireTask } from "../record.js";
import type { WireScope } from "../repository.js";

type WireResultChange = { podStatus: string | undefined; launcherOutput: string | undefined };

export interface Host {
  currentTask: {
    get(): WireTask;
    setStatus(status: TaskStatus, logEntry: string | undefined): TaskStatus;
    log(message: string): TaskStatus;
    flush(): TaskStatus;
    setProgress(done: number | bigint, total: number | bigint | undefined, note: string | undefined): TaskStatus;
    updateResult(change: WireResultChange): TaskStatus;
    setActiveJobs(jobs: string[]): TaskStatus;
    cancelRequested(): boolean;
  };
  repository: {
    nextTaskId(): string;
    peekNextTaskId(): string;
    save(draft: WireDraft, onlyIf: { tag: string; val?: string }): string;
    get(taskId: string): WireTask;
    delete(taskId: string): boolean;
    setStatus(taskId: string, status: TaskStatus, logEntry: string | undefined): TaskStatus;
    appendLogs(taskId: string, messages: string[]): TaskStatus;
    updateResult(taskId: string, change: WireResultChange): TaskStatus;
    setActiveJobs(taskId: string, jobs: string[]): TaskStatus;
    listTasks(scope: WireScope, limit: number, cursor: string | undefined): { tasks: WireTask[]; next?: string | null };
    listUsers(service: string): string[];
  };
  /** At most so many bytes of standard input; undefined at its end. */
  readInput(most: number): Uint8Array | undefined;
}
