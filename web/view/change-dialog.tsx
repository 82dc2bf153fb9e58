import { useLayoutEffect, useRef } from "preact/hooks";
import { formatBytes } from "../../src/task/amounts.ts";
import type { ShownStatus } from "../../src/task/status.ts";
import type { ChangeResult } from "../api/api.ts";
import type { Messages } from "../i18n/en.ts";
import { type Act, type Asked, changedIn, changeSaid, markOf } from "../state/change.ts";
import { useApp } from "./context.ts";
import { Badge, Button, Line, Notice, Select, ServerNotes } from "./parts.tsx";

/** Shows what a change would do, does it, and shows what became of it; a modal dialog, which keeps the focus inside. */
export function ChangeDialog() {
  const asked = useApp().change.asked.value;
  return asked === null ? null : <Question asked={asked} />;
}

function Question({ asked }: { asked: Asked }) {
  const { change, text } = useApp();
  const dialog = useRef<HTMLDialogElement>(null);
  const { act, choice, force, busy, plan, done, failure } = asked;
  const [row] = choice.rows;
  useLayoutEffect(() => {
    const opener = document.activeElement;
    dialog.current!.showModal();
    return () => requestAnimationFrame(() => giveFocusBack(opener));
  }, []);
  const changed = plan === null ? choice.count : changedIn(plan);
  const isMark = act !== "delete" && act !== "retry";
  const label = busy === "change" ? text.working : text.confirm[force ? "force" : isMark ? "mark" : act](changed);
  const kind = act === "delete" ? "primary danger" : "primary";
  return (
    <dialog
      ref={dialog}
      class={force ? "is-forced" : ""}
      aria-labelledby="change-title"
      aria-busy={busy !== null}
      onCancel={() => change.close()}
    >
      <h2 id="change-title">{titleOf(asked, text)}</h2>
      {choice.count === 1 && row !== undefined && (
        <p class="one-task">
          <Badge status={row.status} />
          <Line box="strong" text={row.taskId} />
          <Line box="span" class="quiet" text={text.ofUser(row.userId)} />
        </p>
      )}
      {done === null && isMark && <NewStatus act={act} />}
      {done !== null ? (
        <div role="status">
          <Unchanged result={done.body} />
          <ServerNotes lines={done.warnings} />
        </div>
      ) : plan !== null ? (
        <Plan asked={asked} plan={plan} />
      ) : failure === null && act !== "mark" ? (
        <p class="quiet">{text.reading}</p>
      ) : null}
      {failure && <Notice kind="error" title={plan === null ? text.planFailed : text.changeFailed} failure={failure} />}
      <div class="actions">
        {/* The first button has the focus when the question opens: the safe choice. */}
        <Button label={done === null ? text.cancel : text.close} press={() => change.close()} />
        {done !== null ? null : plan === null && failure !== null ? (
          <Button label={text.retry} press={() => change.edit({})} />
        ) : (
          <Button
            kind={kind}
            label={label}
            disabled={busy !== null || plan === null || changed === 0}
            press={() => change.confirm()}
          />
        )}
      </div>
    </dialog>
  );
}

function titleOf({ act, choice, plan, done }: Asked, text: Messages): string {
  const count = plan === null ? choice.count : changedIn(plan);
  if (done !== null) return changeSaid(act, choice, done.body, text);
  if (act === "delete") return choice.count === 1 ? text.deleteTitle : text.deleteTitleMany(count);
  return act === "retry" ? text.retryTitle(count) : text.confirm.mark(count);
}

/** None is chosen at first. */
function NewStatus({ act }: { act: Act }) {
  const { change, text } = useApp();
  const { other, ...words } = text.status;
  const isUnset = act === "mark";
  return (
    <Select
      isTitled
      name="to"
      label={text.newStatus}
      value={isUnset ? "" : act}
      options={isUnset ? { "": text.chooseStatus, ...words } : words}
      choose={(word) => change.edit({ act: word as ShownStatus })}
    />
  );
}

function Plan({ asked, plan }: { asked: Asked; plan: ChangeResult }) {
  const { text } = useApp();
  const { act } = asked;
  const changed = changedIn(plan);
  return (
    <>
      <p>{act === "delete" ? text.willDelete(changed) : text.willMark(changed, text.status[markOf(act)])}</p>
      <ul class="by-status">
        {Object.entries(plan.byStatus ?? {}).map(([word, count]) => (
          <li key={word}>
            {word === "other" ? <span class="badge other">{text.status.other}</span> : <Badge status={word} />}{" "}
            {text.number(count)}
          </li>
        ))}
      </ul>
      {"files" in plan && changed > 0 && <p>{text.deleteWhat}</p>}
      {"files" in plan && plan.files > 0 && <p>{text.willFree(plan.files, formatBytes(plan.bytes))}</p>}
      {act === "delete" && <Force asked={asked} plan={plan} />}
      <Unchanged result={{ ...plan, refused: plan.refused.filter(({ unfinished }) => !unfinished) }} />
    </>
  );
}

/** Offers to delete unfinished tasks, too. */
function Force({ asked: { force }, plan }: { asked: Asked; plan: ChangeResult }) {
  const { change, text } = useApp();
  const { wait = 0, run = 0 } = plan.byStatus ?? {};
  const unfinished = force ? wait + run : plan.refused.filter(({ unfinished }) => unfinished).length;
  if (unfinished === 0) return null;
  return (
    <div class="notice warning">
      <div>
        <label class="check">
          <input
            type="checkbox"
            name="force"
            checked={force}
            onChange={({ currentTarget }) => change.edit({ force: currentTarget.checked })}
          />
          <span>{text.alsoUnfinished(unfinished)}</span>
        </label>
        <p>{text.forceWhat}</p>
      </div>
    </div>
  );
}

/** The tasks that are kept as they are, in numbers; and why, in the server's words. */
function Unchanged({ result }: { result: ChangeResult }) {
  const { text } = useApp();
  const { refused, missing, failed, returned } = result;
  const unchanged = "unchanged" in result ? result.unchanged : 0;
  const counts = [
    [missing.length, text.missingTasks],
    [unchanged, text.unchanged],
    [failed, text.notChanged],
    [returned, text.returned],
  ] as const;
  return (
    <ul class="unchanged">
      {[...Map.groupBy(refused, ({ reason }) => reason)].map(([reason, tasks]) => (
        <li key={reason}>
          {text.kept(tasks.length)} <span lang="en">{reason}</span> (
          <Line text={namesOf(tasks)} />)
        </li>
      ))}
      {counts.map(([count, said]) => count > 0 && <li key={said(count)}>{said(count)}</li>)}
    </ul>
  );
}

const NAMED = 5;

function namesOf(tasks: ChangeResult["refused"]): string {
  const names = tasks.slice(0, NAMED).map(({ user_id, task_id }) => `${user_id}:${task_id}`);
  return `${names.join(", ")}${tasks.length > NAMED ? ", …" : ""}`;
}

/** Focuses the element that opened the dialog, or the head of the list if that is gone with its row. */
function giveFocusBack(opener: Element | null): void {
  const target = opener?.isConnected ? opener : document.getElementById("tasks");
  if (target instanceof HTMLElement) target.focus();
}
