import { Failure } from "../api/failure.ts";
import { NO_FILTER } from "../model/filter.ts";
import type { Row } from "../model/row.ts";
import { useApp, useMessages } from "./context.ts";
import { FailureText } from "./failure-text.tsx";
import { Line, Lines } from "./field-text.tsx";
import { Files } from "./files.tsx";
import { Notice } from "./notice.tsx";
import { useTimes } from "./times.ts";
import { type Details, useDetails } from "./use-details.ts";

/** The whole record of a task, its files, and what can be done with it. */
export function TaskDetails({ row }: { row: Row }) {
  const text = useMessages();
  const details = useDetails(row).value;
  if (details === null) return <p class="quiet">{text.detailsLoading}</p>;
  if (details instanceof Failure) return <NoDetails failure={details} />;
  return (
    <>
      <Files row={row} files={details.files} />
      <Fields fields={details.fields} />
      <Actions row={row} />
    </>
  );
}

const NOT_FOUND = "TASK_NOT_FOUND";

function NoDetails({ failure }: { failure: Failure }) {
  const text = useMessages();
  if (failure.problem?.code === NOT_FOUND) return <Notice kind="warning" title={text.gone} />;
  return (
    <Notice kind="error" title={text.detailsFailed}>
      <FailureText failure={failure} />
    </Notice>
  );
}

function Fields({ fields }: Pick<Details, "fields">) {
  const { clock } = useTimes();
  return (
    <dl class="fields">
      {fields.map(([name, value]) => (
        <div key={name} class={name === "error" && value !== "null" ? "is-error" : ""}>
          <dt>
            <Line text={name} />
          </dt>
          <dd title={name.endsWith("_at") ? clock.exact(value) : undefined}>
            <Lines text={value} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Actions({ row }: { row: Row }) {
  const { tasks, deletion, about } = useApp();
  const text = useMessages();
  const showUser = () => void tasks.apply({ ...NO_FILTER, users: [row.userId] });
  return (
    <div class="task-actions">
      <button type="button" class="button" onClick={showUser}>
        <Line text={text.onlyUser(row.userId)} />
      </button>
      {about.readOnly.value ? null : (
        <button
          type="button"
          class="button danger"
          aria-label={text.deleteTask(row.taskId)}
          onClick={() => deletion.ask(row)}
        >
          {text.delete}
        </button>
      )}
    </div>
  );
}
