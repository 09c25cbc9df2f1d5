// A Redis server of a test's own, and very many tasks in it, written the way the Python package writes them: a plain SET
// of each record, and its indexes.

import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, freePort } from "./platform.js";

const STATUSES = ["completed", "completed", "completed", "failed", "cancelled", "running", "pending"];
const LIVES = 7_776_000;

export class Redis {
  #process;
  #directory;

  /** Starts one on a free port. */
  static async start() {
    const redis = new Redis();
    redis.#directory = await mkdtemp(join(tmpdir(), "task-state-redis-"));
    redis.port = await freePort();
    const args = ["--port", redis.port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", redis.#directory];
    redis.#process = spawn(process.env.REDIS_SERVER ?? "redis-server", args.map(String), { stdio: "ignore" });
    redis.url = `redis://127.0.0.1:${redis.port}/0`;
    await eventually("the Redis server answers", () => redis.send([["PING"]]));
    return redis;
  }

  async stop() {
    const ended = new Promise((done) => this.#process.once("exit", done));
    this.#process.kill("SIGKILL");
    await ended;
    await rm(this.#directory, { recursive: true, force: true });
  }

  /** Sends commands, whose answers nobody needs, and waits until the last one was carried out. */
  send(commands) {
    return new Promise((done, failed) => {
      const socket = connect(this.port, "127.0.0.1");
      socket.on("error", failed);
      socket.on("data", (data) => data.includes("+OK") && (socket.end(), done(true)));
      const all = [["CLIENT", "REPLY", "OFF"], ...commands, ["CLIENT", "REPLY", "ON"]];
      for (let at = 0; at < all.length; at += 5_000) socket.write(all.slice(at, at + 5_000).map(encoded).join(""));
    });
  }

  /** So many tasks of ten users and four services, with ids from 1 on. */
  async fill(count) {
    const commands = [];
    const indexes = new Map();
    const index = (key, member) => {
      if (!indexes.has(key)) indexes.set(key, new Set());
      indexes.get(key).add(member);
    };
    for (let number = 1; number <= count; number++) {
      const [id, service, user] = [String(number), `service-${number % 4}`, `user-${number % 10}`];
      const time = new Date(Date.UTC(2026, 0, 1) + number * 1000).toISOString().replace("Z", "001+00:00");
      const record = {
        task_id: id, service, user_id: user, status: STATUSES[number % STATUSES.length], parameters: { number }, active_jobs: [],
        created_at: time, updated_at: time, logs: [`${time},worker started`], result: { pod_status: null, launcher_output: null }, priority: "low",
      };
      commands.push(["SET", `task:${id}`, JSON.stringify(record), "EX", String(LIVES)]);
      commands.push(["HSET", `task:${id}:metadata`, "service", service, "user_id", user], ["EXPIRE", `task:${id}:metadata`, String(LIVES + 60)]);
      index("index:tasks", id);
      index(`index:service:${service}`, id);
      index(`index:service:${service}:users`, user);
      index(`index:service:${service}:user:${user}`, id);
      index(`index:user:${user}`, id);
    }
    for (const [key, members] of indexes) {
      const all = [...members];
      for (let at = 0; at < all.length; at += 1_000) commands.push(["SADD", key, ...all.slice(at, at + 1_000)]);
      commands.push(["EXPIRE", key, String(LIVES)]);
    }
    commands.push(["SET", "task:id:sequence", String(count)]);
    await this.send(commands);
  }
}

function encoded(command) {
  return `*${command.length}\r\n${command.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("")}`;
}
