import { useApp } from "./context.ts";
import { Notice } from "./parts.tsx";

const COLOURS = { redis: "done", file: "wait", mixed: "wait", off: "" };

/** Which store gave what is shown, in a word. */
export function StoreChip() {
  const { tasks, about, text } = useApp();
  const source = tasks.view.value?.answer.page.source;
  if (source === undefined) return <span class="chip empty" />;
  const shown = about.health.value?.redis === "off" ? "off" : source;
  return (
    <span class={`chip ${shown} ${COLOURS[shown]}`} title={text.sources[shown]}>
      {text.sources[shown]}
    </span>
  );
}

/** Problems of the stores or of the connection to the server, with the remedy. */
export function StoreState() {
  const { about, tasks, text } = useApp();
  const { redis, store, syncing } = about.health.value ?? {};
  const isExplained = redis === "down" || store === "unreadable";
  const failure = tasks.view.value && tasks.failure.value;
  return (
    <>
      {failure?.problem === null && (
        <Notice kind="error" title={text.unreachable}>
          <p>{text.unreachableHint}</p>
        </Notice>
      )}
      {failure?.problem && !isExplained && <Notice kind="error" title={text.failed} failure={failure} />}
      {redis === "down" && (
        <Notice kind="warning" title={text.redisDown}>
          <p>{text.redisDownHint}</p>
        </Notice>
      )}
      {syncing && <Notice kind="info" title={text.syncing} />}
      {store === "unreadable" && (
        <Notice kind="error" title={text.storeDown}>
          <p>{text.storeDownHint}</p>
        </Notice>
      )}
    </>
  );
}
