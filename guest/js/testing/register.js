// For `node --import`: lets tests run with nothing installed. `task-state` is found where this file is, unless the project has
// one of its own, and TypeScript is understood, by Node itself where it can, else by esbuild.

import { register } from "node:module";

process.setSourceMapsEnabled(true);
register("./loader.js", import.meta.url);
