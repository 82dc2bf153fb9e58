const DURABILITY = "test/promises/durability.test.ts";

export const FAULTS = [
  {
    what: "the new content isn't synced",
    file: "src/store/file/replace.ts",
    from: "    await handle.sync();\n",
    to: "",
    test: DURABILITY,
  },
  {
    what: "its directory isn't synced",
    file: "src/store/file/replace.ts",
    from: "    await syncDirectory(dirname(target));\n",
    to: "",
    test: DURABILITY,
  },
  {
    what: "backup and ledger aren't synced",
    file: "src/store/file/written-file.ts",
    from: "      await this.#handle.datasync();\n",
    to: "",
    test: DURABILITY,
  },
  {
    what: "the name of a new backup isn't synced",
    file: "src/store/file/written-file.ts",
    from: "      if (size === 0) await syncDirectory(dirname(path)).catch(ignoreUnreadable);\n",
    to: "",
    test: DURABILITY,
  },
  {
    what: "an append isn't synced",
    file: "src/store/file/line-log.ts",
    from: "bytesWritten;\n      await this.#handle.datasync();\n",
    to: "bytesWritten;\n",
    test: DURABILITY,
  },
  {
    what: "an export isn't synced",
    file: "src/operations/export/target-file.ts",
    from: "      await this.#handle.sync();\n",
    to: "",
    test: DURABILITY,
  },
  {
    what: "the name of an export isn't synced",
    file: "src/operations/export/target-file.ts",
    from: "      await syncDirectory(dirname(this.path));\n",
    to: "",
    test: DURABILITY,
  },
  {
    what: "the backup is written after the removal from Redis",
    file: "src/operations/purge/purge.ts",
    from: "    const saved = await this.#backUp(chosen);\n",
    to: "    const saved = chosen; setTimeout(() => void this.#backUp(chosen), 10);\n",
    test: DURABILITY,
  },
  {
    what: "the new content is put in place before it is synced",
    file: "src/store/file/replace.ts",
    from: "    await handle.sync();\n    const ours = await handle.stat({ bigint: true });\n",
    to: "    setTimeout(() => void handle!.sync().catch(() => {}), 5);\n    const ours = await handle.stat({ bigint: true });\n",
    test: DURABILITY,
  },
];
