import { PAGE_SIZES } from "../state/preferences.ts";
import { useApp, useMessages } from "./context.ts";

/** From page to page. By ids there is one page alone. */
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
    document.querySelector(".list")?.scrollIntoView();
  };
  return (
    <nav class="pager" aria-label={text.pages}>
      <button type="button" class="button" disabled={page <= 1 || isAsking} onClick={() => void turn(page - 1)}>
        {text.previous}
      </button>
      <span>{text.pageOf(page, pages)}</span>
      <button type="button" class="button" disabled={page >= pages || isAsking} onClick={() => void turn(page + 1)}>
        {text.next}
      </button>
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
