import { LANGUAGES, loadMessages, TAGS } from "../i18n/language.ts";
import { THEMES } from "../state/preferences.ts";
import { useApp, useMessages } from "./context.ts";
import { Health } from "./health.tsx";
import { IconButton, Menu } from "./parts.tsx";
import { StoreChip } from "./store-state.tsx";

/** The title, the store in use, what needs attention, the theme, and the other language. */
export function Header() {
  const { preferences, needsToken, about, logout, announce } = useApp();
  const text = useMessages();
  const { language, theme } = preferences;
  const other = LANGUAGES.find((known) => known !== language.value)!;
  const fail = () => announce(text.unreachable);
  const turnLanguage = () =>
    loadMessages(other).then(() => {
      language.value = other;
    }, fail);
  const turnTheme = () => {
    theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!;
    announce(text.theme(text.themes[theme.value]));
  };
  return (
    <header class="top">
      <span class="brand" aria-hidden="true" />
      <h1>{text.title}</h1>
      {needsToken.value ? null : (
        <>
          <StoreChip />
          <Health />
        </>
      )}
      <span class="spring" />
      {about.hasToken.value && !needsToken.value ? (
        <button type="button" class="button" onClick={() => void logout().catch(fail)}>
          {text.logout}
        </button>
      ) : null}
      {needsToken.value ? null : <Keys />}
      <IconButton name={theme.value} label={text.theme(text.themes[theme.value])} press={turnTheme} />
      <button
        type="button"
        class="button"
        lang={TAGS[other]}
        aria-label={text.switchLanguage}
        onClick={() => void turnLanguage()}
      >
        {text.otherLanguage}
      </button>
    </header>
  );
}

function Keys() {
  const text = useMessages();
  return (
    <Menu kind="keys" label="?" name={text.keys}>
      <dl>
        {Object.entries(text.keyNames).map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
    </Menu>
  );
}
