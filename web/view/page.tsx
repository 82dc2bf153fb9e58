import { PlayerBar } from "./audio.tsx";
import { ChangeDialog } from "./change-dialog.tsx";
import { ChoiceBar } from "./choice.tsx";
import { useApp } from "./context.ts";
import { FilterForm } from "./filter-form.tsx";
import { Header } from "./header.tsx";
import { ListBar } from "./list-bar.tsx";
import { Login } from "./login.tsx";
import { Overview } from "./overview.tsx";
import { Pager } from "./pager.tsx";
import { Button, Line, Notice, ServerNotes } from "./parts.tsx";
import { TaskRows } from "./task-rows.tsx";

export function Page() {
  const { needsToken, announcement, text } = useApp();
  return (
    <>
      {/* No link: the part behind `#` of the address belongs to the place in the list. */}
      <Button kind="primary skip" label={text.skip} press={() => document.getElementById("tasks")?.focus()} />
      <Header />
      {needsToken.value ? <Login /> : <Tasks />}
      <p class="visually-hidden" role="status" aria-live="polite">
        <span key={announcement.value.turn}>{announcement.value.text}</span>
      </p>
    </>
  );
}

function Tasks() {
  const { tasks } = useApp();
  return (
    <>
      <main>
        <Overview />
        <FilterForm />
        <section class="list" aria-labelledby="tasks" aria-busy={tasks.asking.value}>
          <ListBar />
          <TaskRows />
          <Pager />
          <ServerNotes lines={tasks.view.value?.answer.warnings ?? []} />
        </section>
      </main>
      {/* At the foot of the window, where messages and the player move no text. */}
      <div class="dock">
        <Said />
        <StoreState />
        <ChoiceBar />
        <PlayerBar />
      </div>
      <ChangeDialog />
    </>
  );
}

/** The last action, until its animation ends. A screen reader gets it from the page. */
function Said() {
  const { text, turn } = useApp().confirmation.value;
  return text === "" ? null : (
    <p key={turn} class="said" aria-hidden="true">
      <Line text={text} />
    </p>
  );
}

/** Problems of the stores or of the connection to the server, with the remedy. */
function StoreState() {
  const { about, tasks, text } = useApp();
  const failure = tasks.view.value && tasks.failure.value;
  const { redis, store, syncing } = (failure?.problem === null ? null : about.health.value) ?? {};
  const isExplained = redis === "down" || store === "unreadable";
  return (
    <>
      {failure?.problem === null && <Notice kind="error" title={text.unreachable} hint={text.unreachableHint} />}
      {failure?.problem && !isExplained && <Notice kind="error" title={text.failed} failure={failure} />}
      {redis === "down" && <Notice kind="warning" title={text.redisDown} hint={text.redisDownHint} />}
      {syncing && <Notice kind="info" title={text.syncing} />}
      {store === "unreadable" && <Notice kind="error" title={text.storeDown} hint={text.storeDownHint} />}
    </>
  );
}
