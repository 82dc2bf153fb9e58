import { chmodSync, chownSync, closeSync, openSync, readFileSync, statSync } from "node:fs";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { loadPosix, type Posix } from "../../../src/store/file/posix.ts";
import { namesIn, writeOld } from "../../helpers/files.ts";
import { lacksRight } from "../../helpers/lacks.ts";
import { useChildren } from "./children.ts";
import { removing, three, useStoreFile } from "./editing.ts";
import { dump, idsIn } from "./service.ts";

const { path, storeAt } = useStoreFile();
const start = useChildren();
beforeEach(() => writeOld(path("s.json"), dump(three)));
const ROOT = process.getuid?.() === 0;

describe("a rewrite", () => {
  test.skipIf(lacksRight("root", ROOT))("keeps the owner", async () => {
    chownSync(path("s.json"), 1234, 2345);
    chmodSync(path("s.json"), 0o4640);
    await storeAt().apply(removing("t2"));
    const { uid, gid, mode } = statSync(path("s.json"));
    expect([uid, gid, mode & 0o7777, idsIn(path("s.json"))]).toEqual([1234, 2345, 0o4640, ["t1", "t3"]]);
  });

  test.skipIf(lacksRight("root", ROOT))("that cannot keep the owner is refused", async () => {
    chmodSync(path("s.json"), 0o666);
    chmodSync(path(), 0o777);
    const { line } = await start({ do: "remove", path: path("s.json"), ids: [["alice", "t2"]] }, { uid: 65_534 });
    expect(JSON.parse(line)).toMatchObject({ code: "STORE_WRITE_FAILED", message: expect.stringContaining("0:0") });
    expect([readFileSync(path("s.json"), "utf8"), namesIn(path())]).toEqual([dump(three), ["s.json"]]);
  });

  describe("of a file with access control lists or extended attributes", () => {
    const [USER_OBJ, USER, GROUP_OBJ, MASK, OTHER] = [1, 2, 4, 16, 32];
    const [READ, WRITE] = [4, 2];

    /** A POSIX ACL as the kernel keeps it, in which a user may read and write besides the owner. */
    function acl(user: number): Buffer {
      const entries: [tag: number, rights: number, id?: number][] = [
        [USER_OBJ, READ | WRITE],
        [USER, READ | WRITE, user],
        [GROUP_OBJ, READ],
        [MASK, READ | WRITE],
        [OTHER, 0],
      ];
      const bytes = Buffer.alloc(4 + 8 * entries.length);
      bytes.writeUInt32LE(2);
      for (const [i, [tag, rights, id = 0xffffffff]] of entries.entries()) {
        bytes.writeUInt16LE(tag, 4 + 8 * i);
        bytes.writeUInt16LE(rights, 6 + 8 * i);
        bytes.writeUInt32LE(id, 8 + 8 * i);
      }
      return bytes;
    }

    async function withFile<T>(name: string, act: (posix: Posix, fd: number) => T): Promise<T> {
      const fd = openSync(path(name), "r");
      try {
        return act((await loadPosix())!, fd);
      } finally {
        closeSync(fd);
      }
    }
    const attributesOf = (name: string) => withFile(name, (posix, fd) => posix.attributes(fd));

    test("keeps them", async () => {
      await withFile("s.json", (posix, fd) => {
        posix.setAttribute(fd, "system.posix_acl_access", acl(1234));
        posix.setAttribute(fd, "user.note", Buffer.from("kept"));
      });
      const before = [await attributesOf("s.json"), statSync(path("s.json")).mode];
      await storeAt().apply(removing("t2"));
      expect(idsIn(path("s.json"))).toEqual(["t1", "t3"]);
      expect([await attributesOf("s.json"), statSync(path("s.json")).mode]).toEqual(before);
    });

    test("does not grant the access that the directory's default ACL gives new files", async () => {
      await withFile("", (posix, fd) => posix.setAttribute(fd, "system.posix_acl_default", acl(1234)));
      await storeAt().apply(removing("t2"));
      expect([...(await attributesOf("s.json")).keys()]).not.toContain("system.posix_acl_access");
    });

    test("is refused if one can't be kept", async () => {
      await withFile("s.json", (posix, fd) => posix.setAttribute(fd, "user.note", Buffer.from("kept")));
      const posix = (await loadPosix())!;
      const spy = vi.spyOn(posix, "setAttribute").mockImplementation(() => {
        throw Object.assign(new Error("EDQUOT"), { code: "EDQUOT", errno: -122 });
      });
      const failed = { code: "STORE_WRITE_FAILED", message: expect.stringContaining("user.note") };
      await expect(storeAt().apply(removing("t2"))).rejects.toMatchObject(failed);
      spy.mockRestore();
      expect([readFileSync(path("s.json"), "utf8"), namesIn(path())]).toEqual([dump(three), ["s.json"]]);
    });
  });
});
