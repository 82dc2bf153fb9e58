import { LANGUAGES, loadMessages, TAGS } from "../i18n/language.ts";
import { THEMES } from "../state/preferences.ts";
import { useApp } from "./context.ts";
import { Health } from "./health.tsx";
import { Button, IconButton, Menu } from "./parts.tsx";

/** The title, the store in use, what needs attention, the theme, and the other language. */
export function Header() {
  const { preferences, needsToken, about, logout, announce, text } = useApp();
  const { language, theme } = preferences;
  const other = LANGUAGES.find((known) => known !== language.value)!;
  const fail = () => announce(text.unreachable);
  const leave = () => logout().catch(fail);
  const turnLanguage = () => loadMessages(other).then(() => (language.value = other), fail);
  const turnTheme = () => {
    theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!;
    announce(text.theme(text.themes[theme.value]));
  };
  const isSignedIn = !needsToken.value;
  return (
    <header class="top">
      <span class="brand" aria-hidden="true" />
      <h1>{text.title}</h1>
      {isSignedIn && <StoreChip />}
      {isSignedIn && <Health />}
      <span class="spring" />
      {isSignedIn && about.health.value?.token && <Button label={text.logout} press={leave} />}
      {isSignedIn && <Keys />}
      <IconButton name={theme.value} label={text.theme(text.themes[theme.value])} press={turnTheme} />
      <Button label={text.otherLanguage} lang={TAGS[other]} aria-label={text.switchLanguage} press={turnLanguage} />
    </header>
  );
}

function Keys() {
  const { text } = useApp();
  return (
    <Menu kind="keys" label="?" name={text.keys}>
      <dl>
        {Object.entries(text.keyNames).map(([key, what]) => (
          <div key={key}>
            <dt>{key}</dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Menu>
  );
}

const COLOURS = { redis: "done", file: "wait", mixed: "wait", off: "" };

/** Which store gave what is shown, in a word. */
function StoreChip() {
  const { tasks, about, text } = useApp();
  const source = tasks.view.value?.answer.body.source;
  if (source === undefined) return <span class="chip" />;
  const shown = about.health.value?.redis === "off" ? "off" : source;
  return (
    <span class={`chip ${COLOURS[shown]}`} title={text.sources[shown]}>
      {text.sources[shown]}
    </span>
  );
}
