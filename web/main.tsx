import "./style/page.css";
import { render } from "preact";
import { loadMessages, messagesIn, TAGS } from "./i18n/language.ts";
import { currentPlace, followAddress } from "./state/address-bar.ts";
import { App } from "./state/app.ts";
import { preferencesIn } from "./state/preferences.ts";
import { AppContext } from "./view/context.ts";
import { followKeys } from "./view/keys.ts";
import { Page } from "./view/page.tsx";

/** How often ages are updated, in milliseconds. */
const TICK = 5_000;

const preferences = preferencesIn(navigator.languages);
await loadMessages(preferences.language.value).catch(() => {}); // then the page is in English
const app = new App(preferences, currentPlace());

preferences.language.subscribe((language) => {
  document.documentElement.lang = TAGS[language];
  document.title = `${messagesIn(language).title} · ttsctl`;
});
preferences.theme.subscribe((theme) => {
  document.documentElement.style.colorScheme = theme === "auto" ? "" : theme;
});
render(
  <AppContext.Provider value={app}>
    <Page />
  </AppContext.Provider>,
  document.getElementById("app")!,
);
setInterval(() => app.tick(), TICK);
followAddress(app);
followKeys();
void app.begin();
