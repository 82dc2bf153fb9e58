import { PAGE_SIZES } from "../state/preferences.ts";
import { useApp } from "./context.ts";
import { Button, Select } from "./parts.tsx";

const SIZES = Object.fromEntries(PAGE_SIZES.map((size) => [size, String(size)]));

/** From page to page. By ids there is only one. */
export function Pager() {
  const { tasks, preferences, text } = useApp();
  const view = tasks.view.value;
  if (view === null || view.request.filter.taskIds.length > 0) return null;
  const { page, pageSize } = view.request;
  const isAsking = tasks.asking.value;
  const pages = Math.max(1, Math.ceil(view.answer.body.total / pageSize));
  const resize = (size: string) => {
    preferences.pageSize.value = Number(size);
    return tasks.open({ page: 1, pageSize: Number(size) });
  };
  const turn = async (to: number) => {
    await tasks.open({ page: to });
    document.querySelector(".list-bar")?.scrollIntoView();
  };
  const turner = (name: keyof typeof text.turns, label: string, to: number, isOff: boolean) => {
    const names = { "aria-label": text.turns[name], title: text.turns[name] };
    return <Button label={label} {...names} disabled={isOff || isAsking} press={() => turn(to)} />;
  };
  return (
    <nav class="pager" aria-label={text.regions.pages}>
      {turner("first", "«", 1, page <= 1)}
      {turner("previous", "‹", page - 1, page <= 1)}
      <label>
        <span>{text.goToPage}</span>
        <input
          type="number"
          name="page-number"
          min={1}
          max={pages}
          value={page}
          disabled={isAsking}
          onChange={({ currentTarget }) => {
            const to = currentTarget.valueAsNumber;
            if (Number.isSafeInteger(to) && to >= 1 && to !== page) void turn(Math.min(to, pages));
            else currentTarget.value = String(page);
          }}
        />
      </label>
      <span>{text.ofPages(pages)}</span>
      {turner("next", "›", page + 1, page >= pages)}
      {turner("last", "»", pages, page >= pages)}
      <span class="page-size">
        {text.pageSize}
        <Select name="page-size" label={text.pageSize} value={String(pageSize)} options={SIZES} choose={resize} />
      </span>
    </nav>
  );
}
