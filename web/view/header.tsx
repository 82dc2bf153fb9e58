import { LANGUAGES, TAGS } from "../i18n/language.ts";
import { THEMES } from "../model/theme.ts";
import { useApp, useMessages } from "./context.ts";
import { Icon } from "./parts.tsx";
import { StoreChip } from "./store-state.tsx";

/** The title, the store in use, the theme, and the other language. */
export function Header() {
  const { preferences, needsToken, about, logout, announce } = useApp();
  const text = useMessages();
  const end = () => void logout().catch(() => announce(text.unreachable));
  const { language } = preferences;
  const other = LANGUAGES.find((known) => known !== language.value)!;
  return (
    <header class="top">
      <p class="brand">
        <span class="brand-mark" aria-hidden="true" />
        ttsctl
      </p>
      <h1>{text.title}</h1>
      {needsToken.value ? null : <StoreChip />}
      <span class="spring" />
      {about.hasToken.value && !needsToken.value ? (
        <button type="button" class="button small" onClick={end}>
          {text.logout}
        </button>
      ) : null}
      <ThemeButton />
      <button
        type="button"
        class="button small"
        lang={TAGS[other]}
        aria-label={text.switchLanguage}
        onClick={() => {
          language.value = other;
        }}
      >
        {text.otherLanguage}
      </button>
    </header>
  );
}

/** From one theme to the next. */
function ThemeButton() {
  const { preferences, announce } = useApp();
  const text = useMessages();
  const { theme } = preferences;
  const label = text.theme(text.themes[theme.value]);
  const press = () => {
    theme.value = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!;
    announce(text.theme(text.themes[theme.value]));
  };
  return (
    <button type="button" class="icon-button small" aria-label={label} title={label} onClick={press}>
      <Icon name={theme.value} />
    </button>
  );
}
