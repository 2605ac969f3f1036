/** What the composer needs of the thing one writes into: the rich editor and the plain text box are used alike. */
export interface Field {
  focus: () => void;
  /** Puts text (Markdown) where the caret is. */
  insert: (text: string) => void;
  /** The line up to the caret. */
  beforeCaret: () => string;
  /** Puts text (Markdown) in place of so many characters before the caret. */
  replaceBeforeCaret: (length: number, text: string) => void;
  /** Where the caret is in the window. */
  caret: () => { left: number; top: number; bottom: number };
  /** Applies a format to what is selected. */
  format: (format: Format) => void;
  /** The editor's document, where there is one. */
  document: () => Record<string, unknown> | null;
}

export type Format = "bold" | "italic" | "code" | "quote" | "list" | "listNumbered" | "link";

export interface FieldProps {
  text: string;
  placeholder: string;
  label: string;
  ontext: (text: string) => void;
  /** Returns true if the key was taken and means nothing else any more. */
  onkey: (event: KeyboardEvent) => boolean;
  onfiles: (files: File[]) => void;
  onfocuschange: (isFocused: boolean) => void;
  onready: (field: Field) => void;
}

/** The files among what was pasted or dropped. Whatever they are, they are taken: a browser would leave the page for them. */
export const filesOf = (data: DataTransfer | null): File[] => [...(data?.files ?? [])];
