import { TtsctlError } from "../../errors.ts";
import type { RedisCommands } from "../../store/redis/commands.ts";
import { SLOTS } from "../../store/redis/slots.ts";
import { counted } from "../../task/amounts.ts";
import { fail, ok, type Verdict, warn } from "./check.ts";
import { type Info, numberOf, parseInfo } from "./info.ts";
import { Skip } from "./skip.ts";

const CHECK_HINT = "`redis-cli --cluster check HOST:PORT` says which slots and nodes; mend it with `--cluster fix`";

/** How the cluster stands, as one of its nodes sees it. */
export async function clusterVerdict(client: RedisCommands): Promise<Verdict> {
  const [info, nodes] = await client.pipeline([
    ["CLUSTER", "INFO"],
    ["CLUSTER", "NODES"],
  ]);
  for (const reply of [info, nodes]) {
    if (reply instanceof TtsctlError && reply.code === "REDIS_DENIED") {
      throw new Skip("the Redis user may ask for neither CLUSTER INFO nor CLUSTER NODES");
    }
    if (reply instanceof TtsctlError) throw reply;
  }
  return verdictOf(parseInfo(String(info)), parseNodes(String(nodes)));
}

/** A node as `CLUSTER NODES` tells of it. */
interface Node {
  readonly where: string;
  readonly isPrimary: boolean;
  readonly isDown: boolean;
  /** The primary that it is a replica of, by its id. */
  readonly id: string;
  readonly of: string;
}

export function parseNodes(text: string): Node[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [id = "", address = "", flags = "", of = "", , , , , ...slots] = line.split(" ");
      const words = flags.split(",");
      const isDown = words.some((word) => ["fail", "fail?", "noaddr"].includes(word));
      return { id, of, where: address.replace(/[@,].*/, ""), isDown, isPrimary: slots.length > 0 };
    });
}

export function verdictOf(info: Info, nodes: readonly Node[]): Verdict {
  const served = numberOf(info, "cluster_slots_ok");
  const down = nodes.filter(({ isDown }) => isDown).map(({ where }) => where);
  const primaries = nodes.filter(({ isPrimary }) => isPrimary);
  const isReplicated = (id: string) => nodes.some(({ of, isDown }) => of === id && !isDown);
  const alone = primaries.filter(({ id }) => !isReplicated(id)).length;
  const count = primaries.length === 1 ? "1 primary" : `${primaries.length} primaries`;
  const size = `${count}, ${counted(nodes.length - primaries.length, "replica")}`;
  if (served < SLOTS || info.get("cluster_state") !== "ok") {
    const gone = down.length > 0 ? `; down: ${down.join(", ")}` : "";
    return fail(`a cluster that is not whole: ${served} of ${SLOTS} slots are served${gone}`, CHECK_HINT);
  }
  if (down.length > 0) return warn(`a cluster of ${size}, of which these are down: ${down.join(", ")}`, CHECK_HINT);
  return ok(`a cluster of ${size}, all slots served${alone > 0 ? `; ${alone} without a replica` : ""}`);
}
