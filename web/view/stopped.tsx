import type { View } from "../state/task-list.ts";
import { useApp, useMessages, useTimes } from "./context.ts";
import { Notice } from "./parts.tsx";

/** Where a search stopped before its end, and how to go on. */
export function Stopped({ view }: { view: View }) {
  const { filter: apply } = useApp();
  const { clock } = useTimes();
  const text = useMessages();
  const { stopped } = view.answer.page;
  if (stopped === undefined) return null;
  const { looked, at } = stopped;
  const time = at === null ? null : (clock?.exact(at) ?? at);
  return (
    <Notice kind="warning" title={text.searchStopped(looked, time)}>
      <p>{text.searchStoppedHint}</p>
      {at === null ? null : (
        <button type="button" class="button small" onClick={() => void apply({ ...view.request.filter, until: [at] })}>
          {text.searchOlder}
        </button>
      )}
    </Notice>
  );
}
