/**
 * The element with an id that index.html promises.
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no element #${id}`);
  return /** @type {T} */ (element);
}

/**
 * Fills a select, leaving it alone when nothing changed so that an open list does not close.
 * @param {HTMLSelectElement} select
 * @param {{label: string, options: {value: string, label: string}[]}[]} groups without headings if only one
 * @param {string} chosen
 */
export function fillSelect(select, groups, chosen) {
  const key = JSON.stringify(groups);
  if (select.dataset.entries !== key) {
    select.dataset.entries = key;
    select.replaceChildren(...groups.flatMap((group) => {
      const options = group.options.map(({ value, label }) => new Option(label, value));
      if (groups.length === 1) return options;
      const heading = document.createElement('optgroup');
      heading.label = group.label;
      heading.append(...options);
      return [heading];
    }));
  }
  select.value = chosen;
}

/**
 * Sets an element's text and hides the element when there is none.
 * @param {HTMLElement} element
 * @param {string} text
 */
export function setText(element, text) {
  element.textContent = text;
  element.hidden = text === '';
}

/**
 * Sets the text of a live region, which is never hidden, since screen readers watch visible ones only.
 * @param {HTMLElement} region
 * @param {string} text
 */
export function announce(region, text) {
  // Unchanged text is not written again: it would be read out a second time.
  if (region.textContent !== text) region.textContent = text;
}

/**
 * Delays a call until `wait` milliseconds have passed without another one.
 * @template {unknown[]} A
 * @param {(...args: A) => void} call
 * @param {number} wait
 * @returns {(...args: A) => void}
 */
export function debounce(call, wait) {
  let timer = 0;
  return (...args) => {
    clearTimeout(timer);
    timer = window.setTimeout(() => call(...args), wait);
  };
}
