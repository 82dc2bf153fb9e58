import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import type { StatsHealth } from "../../src/http/routes/stats-health.ts";
import { memberOf } from "../../src/task/ids.ts";
import type { Messages } from "../i18n/en.ts";
import { useApp, useMessages, useTimes } from "./context.ts";
import { useCopy } from "./copy.tsx";
import { Icon, IconButton, Line, Menu } from "./parts.tsx";

/** What needs attention in one line, and more when it is opened: stuck tasks, differences of the stores, the cleanup. */
export function Health() {
  const { about, form } = useApp();
  const text = useMessages();
  const { stuckCount, others } = useHeadlines();
  const health = about.details.value;
  if (health === null) return <p class="health attention">{others.join(" · ")}</p>;
  const { stuck, drift, cleanup } = health;
  const isFine = others.length === 0;
  const label = isFine ? (stuckCount > 0 ? text.more : text.healthy) : others.join(" · ");
  return (
    <div class={isFine && stuckCount === 0 ? "health" : "health attention"}>
      {stuckCount === 0 ? null : (
        <button type="button" class="link" onClick={() => void form.refine({ statuses: [], stuck: ["true"] })}>
          {text.stuckCount(stuckCount)}
        </button>
      )}
      <Menu
        kind="health-menu"
        label={
          <>
            {isFine ? null : <Icon name="warning" />}
            <span>{label}</span>
          </>
        }
      >
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

/** Worst first: of the connection, of both stores, and of what an operator looks at. Stuck tasks can be listed. */
function useHeadlines(): { stuckCount: number; others: string[] } {
  const { about, tasks } = useApp();
  const text = useMessages();
  const failure = tasks.failure.value;
  if (failure !== null && failure.problem === null) return { stuckCount: 0, others: [text.unreachable] };
  const { store, redis } = about.health.value ?? {};
  const health = about.details.value;
  const others = [
    ...(store === "unreadable" ? [text.storeDownShort] : []),
    ...(redis === "down" ? [text.redisDownShort] : []),
    ...(health?.attention ?? []).flatMap((part) => headlineOf(part, health!, text)),
  ];
  return { stuckCount: health?.stuck.count ?? 0, others };
}

function headlineOf(part: StatsHealth["attention"][number], health: StatsHealth, text: Messages) {
  if (part === "stuck") return [];
  if (part === "drift") return text.driftFound;
  return health.cleanup.last?.exitCode === 0 ? text.cleanupLate : text.cleanupFailed;
}

function StuckText({ count, afterSeconds, oldest }: StatsHealth["stuck"]) {
  const text = useMessages();
  const { clock, now, language } = useTimes();
  if (afterSeconds <= 0) return <>{text.stuckOff}</>;
  if (oldest === null) return <>{text.noStuck}</>;
  return (
    <>
      {text.stuckCount(count)}
      {text.stuckOldest} <Line text={memberOf(oldest.user_id, oldest.task_id)} />
      {clock === null ? null : ` (${clock.ago(oldest.updated_at, now, language)}) `}
    </>
  );
}

function DriftText({ drift }: { drift: StatsHealth["drift"] }) {
  const text = useMessages();
  const { clock } = useTimes();
  if (drift === null) return <>{text.driftUnknown}</>;
  const { at, checked, inFile, inRedis, kinds } = drift;
  const different = Object.values(kinds).reduce((sum, count) => sum + count, 0);
  const all = Math.max(inFile, inRedis);
  return (
    <>
      {text.compared(Math.min(checked, all), all)} {different === 0 ? text.inSync : text.differing(different)}{" "}
      {text.sizes(inFile, inRedis)} {clock === null ? null : text.updated(clock.time(clock.epochOf(at)))}
    </>
  );
}

function CleanupText({ cleanup: { runs, last, next } }: { cleanup: StatsHealth["cleanup"] }) {
  const text = useMessages();
  const { clock, now, language } = useTimes();
  const ago = (time: string) => clock?.ago(time, now, language) ?? "";
  const how =
    last === null
      ? ""
      : last.exitCode === 0
        ? text.purged(last.purged ?? 0)
        : (last.error ?? text.endedWith(last.exitCode));
  return (
    <>
      {text.cleanupRuns[runs]} {last === null ? text.noPass : text.lastPass(ago(last.at), how)}{" "}
      {next === null ? null : text.nextPass(ago(next))}
    </>
  );
}

interface PartProps {
  readonly name: string;
  /** Shows more on the server's machine. */
  readonly command: string | undefined;
  readonly children: ComponentChildren;
}

function Part({ name, command, children }: PartProps) {
  const text = useMessages();
  const copy = useCopy();
  const code = useRef<HTMLElement>(null);
  return (
    <div>
      <dt>{name}</dt>
      <dd>
        <p>{children}</p>
        {command === undefined ? null : (
          <p class="command">
            <code ref={code}>{command}</code>
            <IconButton
              name="copy"
              label={text.copyCommand(name)}
              press={() => void copy(command, code.current!, text.command)}
            />
          </p>
        )}
      </dd>
    </div>
  );
}
