type Code = readonly [open: number, close: number];

/** Styles for a terminal with colours; text as it is elsewhere. `NO_COLOR` is honoured. */
const style = ([open, close]: Code) => {
  return (text: string) =>
    process.stdout.isTTY && process.stdout.hasColors() ? `\u001b[${open}m${text}\u001b[${close}m` : text;
};

export const bold = style([1, 22]);
export const dim = style([2, 22]);
export const green = style([32, 39]);
export const cyan = style([36, 39]);
