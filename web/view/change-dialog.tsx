import { useLayoutEffect, useRef } from "preact/hooks";
import { formatBytes } from "../../src/task/amounts.ts";
import { MAY_BE_WORKED_ON, SHOWN_STATUSES, type ShownStatus } from "../../src/task/status.ts";
import type { ChangeResult } from "../api/api.ts";
import type { Messages } from "../i18n/en.ts";
import { type Asked, changedIn, changeSaid, markOf } from "../state/change.ts";
import { useApp, useMessages } from "./context.ts";
import { Badge, Line, Notice, ServerNotes } from "./parts.tsx";

/** Shows what a change would do, does it, and shows what became of it; a modal dialog, which keeps the focus inside. */
export function ChangeDialog() {
  const { change } = useApp();
  const asked = change.asked.value;
  return asked === null ? null : <Question asked={asked} />;
}

function Question({ asked }: { asked: Asked }) {
  const { change } = useApp();
  const text = useMessages();
  const dialog = useRef<HTMLDialogElement>(null);
  const { act, choice, force, busy, plan, done, failure } = asked;
  useLayoutEffect(() => {
    const opener = document.activeElement;
    dialog.current!.showModal();
    return () => requestAnimationFrame(() => giveFocusBack(opener));
  }, []);
  const changed = plan === null ? 0 : changedIn(plan);
  const confirmed = text.confirm[force ? "force" : act === "delete" || act === "retry" ? act : "mark"];
  const isUnset = act === "mark";
  return (
    <dialog
      ref={dialog}
      class={force ? "is-forced" : ""}
      aria-labelledby="change-title"
      aria-busy={busy !== null}
      onCancel={(event) => {
        event.preventDefault();
        change.close();
      }}
    >
      <h2 id="change-title">{titleOf(asked, text)}</h2>
      {choice.count === 1 && choice.rows[0] !== undefined ? <OneTask row={choice.rows[0]} /> : null}
      {done === null && act !== "delete" && act !== "retry" ? <NewStatus status={isUnset ? "" : act} /> : null}
      {done !== null ? (
        <div role="status">
          <Unchanged result={done.result} />
          <ServerNotes lines={done.warnings} />
        </div>
      ) : plan !== null ? (
        <Plan asked={asked} plan={plan} />
      ) : failure === null && !isUnset ? (
        <p class="quiet">{text.planning}</p>
      ) : null}
      {failure === null ? null : (
        <Notice kind="error" title={plan === null ? text.planFailed : text.changeFailed} failure={failure} />
      )}
      <div class="actions">
        {/* The first button has the focus when the question opens: the safe choice. */}
        <button type="button" class="button" onClick={() => change.close()}>
          {done === null ? text.cancel : text.close}
        </button>
        {done !== null ? null : plan === null && failure !== null ? (
          <button type="button" class="button" onClick={() => change.edit({})}>
            {text.retry}
          </button>
        ) : (
          <button
            type="button"
            class={`button primary ${act === "delete" ? "danger" : ""}`}
            disabled={busy !== null || changed === 0}
            onClick={() => void change.confirm()}
          >
            {busy === "change" ? text.working : confirmed(changed)}
          </button>
        )}
      </div>
    </dialog>
  );
}

function titleOf({ act, choice, plan, done }: Asked, text: Messages): string {
  const count = plan === null ? choice.count : changedIn(plan);
  if (done !== null) return changeSaid(act, choice, done.result, text);
  if (act === "delete") return choice.count === 1 ? text.deleteTitle : text.deleteTitleMany(count);
  return act === "retry" ? text.retryTitle(count) : text.markTitle(count);
}

function OneTask({ row }: { row: Asked["choice"]["rows"][number] }) {
  const text = useMessages();
  return (
    <p class="one-task">
      <Badge status={row.status} />
      <strong>
        <Line text={row.taskId} />
      </strong>
      <span class="quiet">
        <Line text={text.ofUser(row.userId)} />
      </span>
    </p>
  );
}

function NewStatus({ status }: { status: ShownStatus | "" }) {
  const { change } = useApp();
  const text = useMessages();
  return (
    <label class="field">
      <span>{text.newStatus}</span>
      <select
        name="to"
        value={status}
        onChange={({ currentTarget }) => change.edit({ act: currentTarget.value as ShownStatus })}
      >
        <option value="" disabled>
          {text.chooseStatus}
        </option>
        {SHOWN_STATUSES.map((word) => (
          <option key={word} value={word}>
            {text.status[word]}
          </option>
        ))}
      </select>
    </label>
  );
}

function Plan({ asked, plan }: { asked: Asked; plan: ChangeResult }) {
  const text = useMessages();
  const { act } = asked;
  const changed = changedIn(plan);
  const status = text.status[markOf(act)];
  return (
    <>
      <p>{act === "delete" ? text.willDelete(changed) : text.willMark(changed, status)}</p>
      <ul class="by-status">
        {Object.entries(plan.byStatus ?? {}).map(([word, count]) => (
          <li key={word}>
            {word === "other" ? <span class="badge other">{text.status.other}</span> : <Badge status={word} />}{" "}
            {text.number(count)}
          </li>
        ))}
      </ul>
      {"files" in plan && changed > 0 ? <p>{text.deleteWhat}</p> : null}
      {"files" in plan && plan.files > 0 ? <p>{text.willFree(plan.files, formatBytes(plan.bytes))}</p> : null}
      {act === "delete" ? <Force asked={asked} plan={plan} /> : null}
      <Unchanged result={{ ...plan, refused: plan.refused.filter((task) => !isUnfinished(task)) }} />
    </>
  );
}

/** Offers to delete unfinished tasks, too. */
function Force({ asked: { force }, plan }: { asked: Asked; plan: ChangeResult }) {
  const { change } = useApp();
  const text = useMessages();
  const { wait = 0, run = 0 } = plan.byStatus ?? {};
  const unfinished = force ? wait + run : plan.refused.filter(isUnfinished).length;
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

type Refused = ChangeResult["refused"];

function isUnfinished({ reason }: Refused[number]): boolean {
  return reason.endsWith(MAY_BE_WORKED_ON);
}

/** The tasks that are kept as they are, in numbers; and why, in the server's words. */
function Unchanged({ result }: { result: ChangeResult }) {
  const text = useMessages();
  const { refused, missing, failed, returned } = result;
  const reasons = Map.groupBy(refused, ({ reason }) => reason);
  return (
    <ul class="unchanged">
      {[...reasons].map(([reason, tasks]) => (
        <li key={reason}>
          {text.kept(tasks.length)} <span lang="en">{reason}</span> (
          <Line text={namesOf(tasks)} />)
        </li>
      ))}
      {missing.length > 0 ? <li>{text.missingTasks(missing.length)}</li> : null}
      {"unchanged" in result && result.unchanged > 0 ? <li>{text.unchanged(result.unchanged)}</li> : null}
      {failed > 0 ? <li>{text.notChanged(failed)}</li> : null}
      {returned > 0 ? <li>{text.returned(returned)}</li> : null}
    </ul>
  );
}

/** So many tasks are named. */
const NAMED = 5;

function namesOf(tasks: Refused): string {
  const names = tasks.slice(0, NAMED).map(({ user_id, task_id }) => `${user_id}:${task_id}`);
  return `${names.join(", ")}${tasks.length > NAMED ? ", …" : ""}`;
}

/** Focuses the element that opened the dialog, or the head of the list if that is gone with its row. */
function giveFocusBack(opener: Element | null): void {
  const target = opener?.isConnected ? opener : document.getElementById("tasks");
  if (target instanceof HTMLElement) target.focus();
}
