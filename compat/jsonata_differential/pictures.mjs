// Pictures of numbers, integers and dates: written ones, and ones put together from their parts.

const NUMBERS = [
  "0", "00", "#", "#0", "0.0", "#,##0.00", "#,###", "0.###", "00.00e0", "0.0e00", "#0%", "0‰", "0.00;(0.00)",
  "#,##,##0", "0,0,0", "000;neg000", "$0.00", "0 units", "###0.0##", ".00", "#.#", "#,##0.###,##", "0.0e0", "1", "9999",
  "#,##0.00;-#,##0.00", "0;", "#0.00%", "##.##e0", "0e0", "00e00", "#e0", ".#", "0.", "#.", "#,#0", "0,00",
];
const INTEGERS = [
  "0", "00", "1", "001", "#,##0", "0,000", "w", "W", "Ww", "i", "I", "a", "A", "w;o", "1;o", "W;o", "Ww;o", "0;o", "#0",
  "9,999", "1,0,0", "٠", "０", "#", "000;c", "a;o", "i;o", "z", "", "αω", "A1", "w;o(-er)", "#,###", "0:00", "#;o", "1,000",
  "01.000",
];
const DATES = [
  "[Y0001]-[M01]-[D01]", "[H01]:[m01]:[s01]", "[Y]-[M]-[D]T[H]:[m]:[s].[f001][Z]", "[D1o] [MNn] [Y]",
  "[FNn], [D1] [MNn,*-3] [Y]", "[h#1]:[m01] [P]", "[h]:[m][PN]", "[Y,2]", "[YI]", "[Yw]", "[W] [w]", "[d]",
  "[M01]/[D01]/[Y0001] [h#1]:[m01][P]", "[[x]] [Y]", "[D1o] of [MNn], [Ywo]", "[F0]", "[F1]", "[X]-W[W]", "[x] [w]",
  "[C]", "[E]", "[Y0001][M01][D01]", "[H01][m01]", "[s].[f]", "[f1]", "[f001]", "[f,1-1]", "[Z]", "[z]", "[Z0]",
  "[Z01:01t]", "[Z00:00]", "[z0]", "[P]", "[Pn]", "[PN]", "[MN,3-3]", "[Mn]", "[DW]", "[Dw]", "[Da]", "[Di]",
  "[Y9,999,*]", "[Y9;999]", "[q]", "[", "[Y", "Y]", "",
];
const COMPONENTS = [..."YMDdFWwHhPmsfZzCEXx"];
const PRESENTATIONS = [
  "1", "01", "0001", "I", "i", "W", "w", "Ww", "A", "a", "N", "n", "Nn", "0", "2", "001", "1o", "01o", "Wwo", "0000",
  "01:01", "0101", "t", "Z", "01t", "9", "#1", "*", "",
];
const WIDTHS = [",2", ",2-2", ",*-3", ",3-3", ",4", ",1-2", ",*-2", ",2-*", "-3", ",2-4"];

export function numberPicture(dice) {
  if (dice.happens(0.7)) return dice.pick(NUMBERS);
  return dice.several(1 + dice.below(7), () => dice.pick([..."0#.,0#%e-;x1 "])).join("");
}

export function integerPicture(dice) {
  return dice.pick(INTEGERS);
}

export function datePicture(dice) {
  if (dice.happens(0.5)) return dice.pick(DATES);
  return dice.several(1 + dice.below(3), () => component(dice)).join(dice.pick(["-", " ", "/", ":", "", "T"]));
}

function component(dice) {
  const presentation = dice.happens(0.6) ? dice.pick(PRESENTATIONS) : "";
  const width = dice.happens(0.3) ? dice.pick(WIDTHS) : "";
  return `[${dice.pick(COMPONENTS)}${presentation}${width}]`;
}

/** One that holds a year: what a date without one is depends on the day. */
export function yearPicture(dice) {
  return dice.pick(DATES.filter((picture) => /\[[YX]/.test(picture)));
}
