/** The texts of the language in use. */
import { en } from "./en";
import type { Texts } from "./en";

/** The texts. Set before the first page is drawn; a change of language loads the page again. */
export let t: Texts = en;

/** The language tag that numbers and dates follow. */
export let locale = "en";

/** Languages that there are texts for, by their own names. */
export const LANGUAGES: Readonly<Record<string, string>> = { en: "English", de: "Deutsch" };

/** Loads the texts of a language, or of the first of the browser's languages that there are texts for. */
export async function chooseLanguage(chosen: string, browser: readonly string[]): Promise<void> {
  const wanted = [...(chosen === "" ? [] : [chosen]), ...browser];
  const tag = wanted.find((one) => one.split("-")[0] !== undefined && (one.split("-")[0] ?? "") in LANGUAGES) ?? "en";
  locale = tag;
  if (tag.split("-")[0] === "de") t = (await import("./de")).de;
  else t = en;
}
