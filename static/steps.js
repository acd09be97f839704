/** Time steps: their names and the interval each one covers. Dates are UTC throughout. */

const DAY = 86_400_000;

/**
 * @param {Intl.DateTimeFormatOptions} options
 * @returns {Intl.DateTimeFormat}
 */
const format = (options) => new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', ...options });

const LONG = {
  year: format({ year: 'numeric' }),
  month: format({ year: 'numeric', month: 'long' }),
  day: format({ year: 'numeric', month: 'short', day: 'numeric' }),
};
const SHORT = {
  year: format({ year: 'numeric' }),
  month: format({ month: 'short' }),
  day: format({ month: 'short', day: 'numeric' }),
};

/**
 * @param {string|null} period ISO 8601 duration such as P1M, P10D or P1Y
 * @returns {'year'|'month'|'day'} the finest unit worth showing
 */
function unit(period) {
  if (period && /^P\d+Y$/.test(period)) return 'year';
  return period && /^P\d+M$/.test(period) ? 'month' : 'day';
}

/**
 * @param {string} time
 * @param {string|null} period
 * @returns {string} for example "August 2023"
 */
export function stepLabel(time, period) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? time : LONG[unit(period)].format(date);
}

/**
 * @param {string} time
 * @param {string|null} period
 * @param {string} [previous] the step before, to name the year only where it changes
 * @returns {string} for example "Aug", or "Jan ’24" where the year changes
 */
export function tickLabel(time, period, previous) {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return time;
  const label = SHORT[unit(period)].format(date);
  const sameYear = previous && new Date(previous).getUTCFullYear() === date.getUTCFullYear();
  return sameYear || unit(period) === 'year' ? label : `${label} ’${String(date.getUTCFullYear()).slice(-2)}`;
}

/**
 * The closed interval of days that a step covers, as the `datetime` of a fill.
 * @param {string} time
 * @param {string|null} period
 * @returns {string} for example "2023-08-01/2023-08-31"
 */
export function stepInterval(time, period) {
  const match = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?$/.exec(period ?? '');
  const end = new Date(time);
  if (!match || match[0] === 'P' || Number.isNaN(end.getTime())) return `${time}/${time}`;
  const [years, months, weeks, days] = match.slice(1).map((part) => Number(part ?? 0));
  end.setUTCFullYear(end.getUTCFullYear() + years, end.getUTCMonth() + months, end.getUTCDate() + weeks * 7 + days);
  return `${time}/${new Date(end.getTime() - DAY).toISOString().slice(0, 10)}`;
}
