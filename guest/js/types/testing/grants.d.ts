/** A call that the grants do not cover. */
export class Denied extends Error {
}
export class Grants {
    /** @param {GrantsOptions} options @param {string} service of the task */
    constructor({ services, users, operations }: GrantsOptions, service: string);
    services: string[];
    users: string[] | undefined;
    operations: Operation[];
    /** @param {Operation} operation */
    permit(operation: Operation): void;
    /** @param {string} service */
    permitService(service: string): void;
    /** @param {string} user */
    permitUser(user: string): void;
    /** Why a task of this owner may not be touched, if so. @param {{ service: string, userId: string }} task */
    refusal({ service, userId }: {
        service: string;
        userId: string;
    }): "the task's service is not granted" | "the task's user is not granted" | undefined;
    /** @param {{ service: string, userId: string }} task */
    check(task: {
        service: string;
        userId: string;
    }): void;
}
/**
 * The operations of the repository, as grants name them.
 *
 * | operation | calls |
 * |---|---|
 * | `read` | `get` |
 * | `write` | `save`, `setStatus`, `appendLogs`, `updateResult`, `setActiveJobs`, `setPriority` |
 * | `delete` | `delete` |
 * | `list` | `listTasks`, `listUsers` |
 * | `sequence` | `nextTaskId`, `peekNextTaskId` |
 */
export type Operation = "read" | "write" | "delete" | "list" | "sequence";
/**
 * What a plugin may do through the repository: these operations, on tasks of these services that are also of these users.
 */
export type GrantsOptions = {
    /**
     * the service of the task, if absent
     */
    services?: string[] | undefined;
    /**
     * any, if absent
     */
    users?: string[] | undefined;
    /**
     * `read`, `write` and `sequence`, if absent
     */
    operations?: Operation[] | undefined;
};
