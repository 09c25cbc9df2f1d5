// How many columns of a terminal a text takes.

/** What stands on the character before it. */
const NONE = /[\p{Mn}\p{Me}\p{Cf}]/u;

/** What takes two columns: the scripts of East Asia, their punctuation and full forms, and pictures. */
const TWO =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Bopomofo}\p{Script=Yi}\p{Emoji_Presentation}\u2e80-\u303e\u3041-\u33ff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6]/u;

export function charWidth(character: string): number {
  if (character < "\u0300") return 1;
  if (NONE.test(character)) return 0;
  return TWO.test(character) ? 2 : 1;
}

export function width(text: string): number {
  let columns = 0;
  for (const character of text) columns += charWidth(character);
  return columns;
}
