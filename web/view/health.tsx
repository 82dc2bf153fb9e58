import type { ComponentChildren } from "preact";
import type { StatsHealth } from "../../src/http/schema.ts";
import { memberOf } from "../../src/task/ids.ts";
import { useApp } from "./context.ts";
import { useCopy } from "./copy.ts";
import { IconButton, Line, Menu } from "./parts.tsx";

/** What needs attention in one line, and more when it is opened: stuck tasks, differences of the stores, the cleanup. */
export function Health() {
  const { about, tasks, form, text } = useApp();
  const others = useHeadlines();
  if (about.details.value === null) return <p class="health attention">{others.join(" · ")}</p>;
  const { stuck, drift, cleanup } = about.details.value;
  const stuckCount = tasks.failure.value?.problem === null ? 0 : stuck.count;
  const isFine = others.length === 0;
  const label = isFine ? (stuckCount > 0 ? text.more : text.healthy) : others.join(" · ");
  return (
    <div class={isFine && stuckCount === 0 ? "health" : "health attention"}>
      {stuckCount > 0 && (
        <button type="button" class="link" onClick={() => void form.refine({ statuses: [], stuck: ["true"] })}>
          {text.stuckCount(stuckCount)}
        </button>
      )}
      <Menu kind="health-menu" icon={isFine ? undefined : "warning"} label={<span>{label}</span>}>
        <dl>
          <Part name={text.stuck} command={stuck.command}>
            <StuckText {...stuck} />
          </Part>
          <Part name={text.drift} command={drift?.command}>
            <DriftText drift={drift} />
          </Part>
          <Part name={text.cleanup} command={cleanup.command}>
            <CleanupText cleanup={cleanup} />
          </Part>
        </dl>
      </Menu>
    </div>
  );
}

/** Worst first: of the connection, of both stores, and of what an operator looks at, without stuck tasks: those can be listed. */
function useHeadlines(): string[] {
  const { about, tasks, text } = useApp();
  if (tasks.failure.value?.problem === null) return [text.unreachable];
  const { store, redis } = about.health.value ?? {};
  const { attention = [], cleanup } = about.details.value ?? {};
  const cleanupSaid = cleanup?.last?.exitCode === 0 ? text.cleanupLate : text.cleanupFailed;
  return [
    ...(store === "unreadable" ? [text.storeDownShort] : []),
    ...(redis === "down" ? [text.redisDownShort] : []),
    ...attention.filter((part) => part !== "stuck").map((part) => (part === "drift" ? text.driftFound : cleanupSaid)),
  ];
}

function StuckText({ count, afterSeconds, oldest }: StatsHealth["stuck"]) {
  const { text, clock, now, language } = useApp();
  if (afterSeconds <= 0) return text.stuckOff;
  if (oldest === null) return text.noStuck;
  return (
    <>
      {text.stuckCount(count)}
      {text.stuckOldest} <Line text={memberOf({ userId: oldest.user_id, taskId: oldest.task_id })} />
      {clock && ` (${clock.ago(oldest.updated_at, now, language)}) `}
    </>
  );
}

function DriftText({ drift }: { drift: StatsHealth["drift"] }) {
  const { text, clock } = useApp();
  if (drift === null) return text.driftUnknown;
  const { at, checked, inFile, inRedis, kinds } = drift;
  const different = Object.values(kinds).reduce((sum, count) => sum + count, 0);
  const all = Math.max(inFile, inRedis);
  return [
    text.compared(Math.min(checked, all), all, different),
    text.sizes(inFile, inRedis),
    clock && text.updated(clock.time(at)),
  ].join(" ");
}

function CleanupText({ cleanup: { runs, last, next } }: { cleanup: StatsHealth["cleanup"] }) {
  const { text, clock, now, language } = useApp();
  const ago = (time: string) => clock?.ago(time, now, language) ?? "";
  const passed = ({ at, exitCode, purged, error }: NonNullable<typeof last>) =>
    text.lastPass(ago(at), (exitCode !== 0 && error) || text.passed(exitCode, purged ?? 0));
  return [text.cleanupRuns[runs], last ? passed(last) : text.noPass, next && text.nextPass(ago(next))].join(" ");
}

/** @param props.command shows more on the server's machine */
function Part({
  name,
  command,
  children,
}: {
  name: string;
  command?: string | undefined;
  children: ComponentChildren;
}) {
  const { text } = useApp();
  const copy = useCopy();
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <p>{children}</p>
        {command !== undefined && (
          <p class="command">
            <code>{command}</code>
            <IconButton name="copy" label={text.copyCommand(name)} onClick={copy(command, text.command)} />
          </p>
        )}
      </dd>
    </div>
  );
}
