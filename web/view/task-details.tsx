import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Failure } from "../api/failure.ts";
import type { Download } from "../model/files.ts";
import type { Row } from "../model/row.ts";
import { useApp, useMessages } from "./context.ts";
import { FailureText } from "./failure-text.tsx";
import { Line, Lines } from "./field-text.tsx";
import { Files } from "./files.tsx";
import { Notice } from "./notice.tsx";
import { useTimes } from "./times.ts";

interface Details {
  readonly fields: readonly (readonly [name: string, text: string])[];
  readonly files: readonly Download[];
}

const NOT_FOUND = "TASK_NOT_FOUND";

/** The whole record of a task and its files, read when the row is opened and again when the task changed. */
export function TaskDetails({ row }: { row: Row }) {
  const { api, tasks, deletion, about } = useApp();
  const text = useMessages();
  const found = useSignal<Details | Failure | null>(null);

  useEffect(() => {
    const question = new AbortController();
    const read = async () => {
      const [fields, files] = await Promise.all([
        api.fields(row.userId, row.taskId, question.signal),
        api.files(row.userId, row.taskId, question.signal),
      ]);
      return { fields, files };
    };
    read()
      .catch((error: unknown) => (error instanceof Failure ? error : Promise.reject(error)))
      .then((answer) => {
        if (!question.signal.aborted) found.value = answer;
      });
    return () => question.abort();
  }, [row.key, row.updatedAt, row.status]);

  const details = found.value;
  if (details === null) return <p class="quiet">{text.detailsLoading}</p>;
  if (details instanceof Failure) {
    return details.problem?.code === NOT_FOUND ? (
      <Notice kind="warning" title={text.gone} />
    ) : (
      <Notice kind="error" title={text.detailsFailed}>
        <FailureText failure={details} />
      </Notice>
    );
  }
  return (
    <>
      <Files row={row} files={details.files} />
      <Fields fields={details.fields} />
      <div class="task-actions">
        <button
          type="button"
          class="button"
          onClick={() => void tasks.apply({ userId: row.userId, taskIds: [], statuses: [] })}
        >
          {text.onlyUser(row.userId)}
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
    </>
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
