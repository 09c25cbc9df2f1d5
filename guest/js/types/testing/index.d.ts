export { runTask } from "./run.js";
export type Cancel = import("./faults.js").Cancel;
export type Fault = import("./faults.js").Fault;
export type FaultError = import("./faults.js").FaultError;
export type GrantsOptions = import("./grants.js").GrantsOptions;
export type Operation = import("./grants.js").Operation;
export type Progress = import("./host.js").Progress;
export type Ended = import("./run.js").Ended;
export type RunOptions = import("./run.js").RunOptions;
