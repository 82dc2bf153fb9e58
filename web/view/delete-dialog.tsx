import { useLayoutEffect, useRef } from "preact/hooks";
import type { Asked } from "../state/deletion.ts";
import { useApp, useMessages } from "./context.ts";
import { Badge, Line, Notice } from "./parts.tsx";

/** Asks before a task is deleted; a modal dialog, which keeps the focus inside. */
export function DeleteDialog() {
  const { deletion } = useApp();
  const asked = deletion.asked.value;
  return asked === null ? null : <Question asked={asked} />;
}

function Question({ asked }: { asked: Asked }) {
  const { deletion } = useApp();
  const text = useMessages();
  const dialog = useRef<HTMLDialogElement>(null);
  const { row, needsForce, isBusy, failure } = asked;
  useLayoutEffect(() => {
    const opener = document.activeElement;
    dialog.current!.showModal();
    return () => requestAnimationFrame(() => giveFocusBack(opener));
  }, []);
  return (
    <dialog
      ref={dialog}
      class={needsForce ? "needs-force" : ""}
      aria-labelledby="delete-title"
      aria-describedby="delete-what"
      onCancel={(event) => {
        event.preventDefault();
        deletion.cancel();
      }}
    >
      <h2 id="delete-title">{needsForce ? text.forceTitle : text.deleteTitle}</h2>
      <p class="deleted-task">
        <Badge status={row.status} />
        <strong>
          <Line text={row.taskId} />
        </strong>
        <span class="quiet">
          <Line text={text.ofUser(row.userId)} />
        </span>
      </p>
      <p id="delete-what">{needsForce ? text.forceWhat : text.deleteWhat}</p>
      {failure === null ? null : <Notice kind="error" title={text.deleteFailed} failure={failure} />}
      <div class="actions">
        {/* The first button has the focus when the question opens: the safe choice. */}
        <button type="button" class="button" onClick={() => deletion.cancel()}>
          {text.cancel}
        </button>
        <button type="button" class="button danger primary" disabled={isBusy} onClick={() => void deletion.confirm()}>
          {isBusy ? text.deleting : needsForce ? text.confirmForce : text.confirmDelete}
        </button>
      </div>
    </dialog>
  );
}

/** Focuses the element that opened the dialog, or the head of the list if that is gone with its row. */
function giveFocusBack(opener: Element | null): void {
  const target = opener?.isConnected ? opener : document.getElementById("tasks");
  if (target instanceof HTMLElement) target.focus();
}
