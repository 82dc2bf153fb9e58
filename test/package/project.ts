import { type SpawnSyncReturns, spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject } from "vitest";
import { cleanEnv } from "../helpers/clean-env.ts";

export const ROOT = new URL("../..", import.meta.url).pathname;

/** A user's project in which the packed package is installed. */
export class Project {
  readonly #folder = mkdtempSync(join(tmpdir(), "ttsctl-project-"));
  readonly path = join(this.#folder, "project");
  /** What npm said when it installed the package. */
  said = "";

  install(): void {
    const source = join(this.#folder, "source");
    cpSync(inject("packageRoot"), source, { recursive: true });
    this.#npm(["pack", source, "--pack-destination", this.#folder, "--ignore-scripts"], this.#folder);
    const tarball = join(this.#folder, readdirSync(this.#folder).find((name) => name.endsWith(".tgz"))!);
    mkdirSync(this.path);
    this.write("package.json", '{"private": true}');
    const { stdout, stderr } = this.#npm(["install", tarball], this.path);
    this.said = `${stdout}${stderr}`;
    // The types of Node.js, which a project has in any case.
    mkdirSync(join(this.path, "node_modules/@types"), { recursive: true });
    symlinkSync(join(ROOT, "node_modules/@types/node"), join(this.path, "node_modules/@types/node"));
    symlinkSync(join(ROOT, "node_modules/undici-types"), join(this.path, "node_modules/undici-types"));
  }

  /** Returns the path of the file. */
  write(name: string, text: string): string {
    const path = join(this.path, name);
    writeFileSync(path, text);
    return path;
  }

  run(command: string, ...args: string[]): SpawnSyncReturns<string> {
    return spawnSync(command, args, { cwd: this.path, encoding: "utf8", env: cleanEnv() });
  }

  /** What the compiler says of some files; empty if they are right. */
  compile(files: readonly string[], options: readonly string[]): string {
    const strict = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--target", "es2022", "--types", "node"];
    return this.run(process.execPath, join(ROOT, "node_modules/typescript/bin/tsc"), ...strict, ...options, ...files)
      .stdout;
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #npm(args: readonly string[], cwd: string): SpawnSyncReturns<string> {
    const env = cleanEnv({ npm_config_cache: join(this.#folder, "cache"), npm_config_update_notifier: "false" });
    const ended = spawnSync("npm", [...args, "--offline", "--no-audit", "--no-fund"], { cwd, encoding: "utf8", env });
    expect(ended.status, ended.stderr).toBe(0);
    return ended;
  }
}

export function useProject(): Project {
  const project = new Project();
  beforeAll(() => project.install(), 120_000);
  afterAll(() => project.remove());
  return project;
}
