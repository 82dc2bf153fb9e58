import { PAGE_SIZES } from "../state/preferences.ts";
import { useApp, useMessages } from "./context.ts";

/** From page to page. By ids there is only one. */
export function Pager() {
  const { tasks, preferences } = useApp();
  const text = useMessages();
  const view = tasks.view.value;
  if (view === null || view.request.filter.taskIds.length > 0) return null;
  const { page, pageSize, filter } = view.request;
  const isAsking = tasks.asking.value;
  const pages = Math.max(1, Math.ceil(view.answer.page.total / pageSize));
  const resize = (size: number) => {
    preferences.pageSize.value = size;
    void tasks.open({ filter, page: 1, task: null }, size);
  };
  const turn = async (to: number) => {
    await tasks.goTo(to);
    document.querySelector(".list-bar")?.scrollIntoView();
  };
  const turner = (label: string, sign: string, to: number, isOff: boolean) => (
    <button
      type="button"
      class="button"
      aria-label={label}
      title={label}
      disabled={isOff || isAsking}
      onClick={() => void turn(to)}
    >
      {sign}
    </button>
  );
  return (
    <nav class="pager" aria-label={text.pages}>
      {turner(text.first, "«", 1, page <= 1)}
      {turner(text.previous, "‹", page - 1, page <= 1)}
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
      {turner(text.next, "›", page + 1, page >= pages)}
      {turner(text.last, "»", pages, page >= pages)}
      <label class="page-size">
        <span>{text.pageSize}</span>
        <select name="page-size" value={pageSize} onChange={({ currentTarget }) => resize(Number(currentTarget.value))}>
          {PAGE_SIZES.map((size) => (
            <option key={size} value={size}>
              {size}
            </option>
          ))}
        </select>
      </label>
    </nav>
  );
}
