import { useApp, useMessages } from "./context.ts";
import { FailureText, Notice } from "./parts.tsx";

/** Which store gave what is shown, in a word. */
export function StoreChip() {
  const { tasks, about } = useApp();
  const text = useMessages();
  const source = tasks.view.value?.answer.page.source;
  if (source === undefined) return <span class="chip empty" />;
  const isOff = about.health.value?.redis === "off";
  const said = { redis: text.fromRedis, file: isOff ? text.redisOff : text.fromFile, mixed: text.fromBoth }[source];
  return (
    <span class={`chip ${isOff ? "off" : source}`} title={said}>
      {said}
    </span>
  );
}

/** Problems of the stores or of the connection to the server, with the remedy. */
export function StoreState() {
  const { about } = useApp();
  const text = useMessages();
  const { redis, store, syncing } = about.health.value ?? {};
  return (
    <>
      <Stale isExplained={redis === "down" || store === "unreadable"} />
      {redis === "down" ? (
        <Notice kind="warning" title={text.redisDown}>
          <p>{text.redisDownHint}</p>
        </Notice>
      ) : null}
      {syncing ? <Notice kind="info" title={text.syncing} /> : null}
      {store === "unreadable" ? (
        <Notice kind="error" title={text.storeDown}>
          <p>{text.storeDownHint}</p>
        </Notice>
      ) : null}
    </>
  );
}

/** That what is shown may be old, for the last refresh has no answer. */
function Stale({ isExplained }: { isExplained: boolean }) {
  const { tasks } = useApp();
  const text = useMessages();
  const failure = tasks.failure.value;
  if (failure === null || tasks.view.value === null) return null;
  if (failure.problem !== null && isExplained) return null;
  return (
    <Notice kind="error" title={failure.problem === null ? text.unreachable : text.failed}>
      {failure.problem === null ? <p>{text.unreachableHint}</p> : <FailureText failure={failure} />}
    </Notice>
  );
}
