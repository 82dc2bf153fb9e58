import type { PartialInputHTMLAttributes } from "preact";
import type { Row } from "../model/row.ts";
import type { Choice } from "../state/change.ts";
import { useApp } from "./context.ts";
import { Button, IconButton } from "./parts.tsx";

/** Chooses a row: with Shift, all rows from the one that was chosen last. */
export function ChooseTask({ row }: { row: Row }) {
  const { chosen, change, text } = useApp();
  const isChosen = chosen.has(row.key);
  return (
    <Box
      name="task"
      aria-label={text.chooseTask(row.taskId)}
      checked={isChosen}
      onMouseDown={(event) => event.shiftKey && event.preventDefault()} // no text is selected
      onClick={(event) => chosen.choose(row.key, event.currentTarget.checked, event.shiftKey)}
      onKeyDown={({ key }) => {
        if (key === "Escape") chosen.clear();
        if (key === "Delete" && isChosen) change.ask("delete", chosen.choice.value);
      }}
    />
  );
}

export function ChoosePage() {
  const { chosen, tasks, text } = useApp();
  const isPage = chosen.isPage.value;
  return (
    <Box
      name="page"
      disabled={(tasks.view.value?.rows.length ?? 0) === 0}
      aria-label={text.choosePage}
      title={text.choosePage}
      checked={isPage}
      indeterminate={!isPage && chosen.choice.value.count > 0}
      onChange={({ currentTarget }) => chosen.choosePage(currentTarget.checked)}
    />
  );
}

/** As wide without a checkbox, on a read-only server. */
function Box({ disabled, ...more }: PartialInputHTMLAttributes<HTMLInputElement>) {
  const { tasks, about } = useApp();
  if (about.health.value?.readOnly) return <span class="choose" />;
  return (
    <label class="choose">
      <input {...(more as object)} type="checkbox" disabled={tasks.asking.value || about.readOnly.value || disabled} />
    </label>
  );
}

export function ChoiceBar() {
  const { chosen, confirm, text } = useApp();
  const choice = chosen.choice.value;
  const { rows, filter, count } = choice;
  if (count === 0) return null;
  const statuses = filter?.statuses ?? rows.map(({ status }) => status);
  const mayRetry = statuses.includes("error") || filter?.statuses.length === 0;
  const chooseAll = () => chosen.chooseAll().catch(() => confirm(text.failed));
  return (
    <section class="choice-bar" aria-label={text.regions.chosen}>
      <IconButton name="close" label={text.chooseNone} press={() => chosen.clear()} />
      <p role="status">{text.chosen(count)}</p>
      {chosen.canChooseAll.value && <Button label={text.chooseAll(chosen.total)} press={chooseAll} />}
      <span class="spring" />
      <ChangeButtons choice={choice} retry={mayRetry ? text.retryTasks : null} />
    </section>
  );
}

interface ChangeButtonsProps {
  readonly choice: Choice;
  /** The words for it; null if none of the tasks failed. */
  readonly retry: string | null;
  /** What is deleted, if it isn't clear from the place. */
  readonly deleted?: string;
}

export function ChangeButtons({ choice, retry, deleted }: ChangeButtonsProps) {
  const { change, text } = useApp();
  return (
    <>
      {retry && <Button label={retry} press={() => change.ask("retry", choice)} />}
      <Button label={text.mark} press={() => change.ask("mark", choice)} />
      <Button kind="danger" label={text.delete} aria-label={deleted} press={() => change.ask("delete", choice)} />
    </>
  );
}
