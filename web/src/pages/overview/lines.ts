/** A row of values over time. */
export interface Line {
  label: string;
  /** Name of a colour in `tokens.css`. */
  colour: string;
  values: (number | null)[];
  isDashed?: boolean;
}
