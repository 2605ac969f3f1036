/** How well one colour can be read on another (WCAG 2, relative luminance). */

/** Text needs at least this much. */
export const CONTRAST_MIN = 4.5;

type Rgb = [number, number, number];

/** The contrast of two colours, from 1 to 21; null if one of them cannot be read. */
export function contrast(a: string, b: string): number | null {
  const [one, other] = [rgbOf(a), rgbOf(b)];
  if (!one || !other) return null;
  const [light, dark] = [luminance(one), luminance(other)].sort((x, y) => y - x) as [
    number,
    number,
  ];
  return (light + 0.05) / (dark + 0.05);
}

/** `#abc`, `#aabbcc`, `rgb(1, 2, 3)`. */
export function rgbOf(colour: string): Rgb | null {
  const text = colour.trim().toLowerCase();
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/.exec(text);
  if (short) return short.slice(1, 4).map((digit) => parseInt(digit + digit, 16)) as Rgb;
  const long = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/.exec(text);
  if (long) return long.slice(1, 4).map((digits) => parseInt(digits, 16)) as Rgb;
  const listed = /^rgb\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})\s*\)$/.exec(text);
  if (listed) return listed.slice(1, 4).map((part) => Math.min(255, Number(part))) as Rgb;
  return null;
}

/** As `#rrggbb`, for the browser's own picker. */
export function hexOf(colour: string): string | null {
  const rgb = rgbOf(colour);
  return rgb && `#${rgb.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

function luminance(rgb: Rgb): number {
  const [r, g, b] = rgb.map((part) => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as Rgb;
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
