import { useApp, useMessages } from "./context.ts";
import { Line } from "./field-text.tsx";
import { Notice } from "./notice.tsx";

/** Which store gave what is shown, in a word. */
export function StoreChip() {
  const { tasks, about } = useApp();
  const text = useMessages();
  const source = tasks.view.value?.answer.page.source;
  if (source === undefined) return null;
  const isOff = about.health.value?.redis === "off";
  const said = { redis: text.fromRedis, file: isOff ? text.redisOff : text.fromFile, mixed: text.fromBoth }[source];
  return <span class={`chip ${isOff ? "off" : source}`}>{said}</span>;
}

/** What is wrong with the stores or with the way to the server, and what to do. */
export function StoreState() {
  const { tasks, about } = useApp();
  const text = useMessages();
  const health = about.health.value;
  const view = tasks.view.value;
  if (view !== null && tasks.failure.value?.problem === null) {
    return (
      <Notice kind="error" title={text.unreachable}>
        <p>{text.unreachableHint}</p>
      </Notice>
    );
  }
  return (
    <>
      {health?.redis === "down" ? (
        <Notice kind="warning" title={text.redisDown}>
          <p>{text.redisDownHint}</p>
        </Notice>
      ) : null}
      {health?.syncing ? <Notice kind="info" title={text.syncing} /> : null}
      {health?.store === "unreadable" ? (
        <Notice kind="error" title={text.storeDown}>
          <p>{text.storeDownHint}</p>
        </Notice>
      ) : null}
    </>
  );
}

/** The server's own words, folded away: what matters most is said elsewhere. */
export function Warnings() {
  const { tasks } = useApp();
  const text = useMessages();
  const lines = tasks.view.value?.answer.warnings ?? [];
  if (lines.length === 0) return null;
  return (
    <details class="warnings">
      <summary>{text.serverNotes}</summary>
      <ul>
        {lines.map((line) => (
          <li key={line}>
            <Line text={line} />
          </li>
        ))}
      </ul>
    </details>
  );
}
