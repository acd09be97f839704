/** The dialog that asks for a token. */
import { byId, setText } from './dom.js';
import { setToken } from './http.js';

const PURPOSES = {
  admin: 'Fills and jobs need a token of this server. It is kept until this tab closes.',
  reading: 'This server shows its cubes to those who have a token. It is kept until this tab closes.',
  change: 'The token is kept until this tab closes. Without one, the page has no more rights than anybody.',
};

/**
 * Asks for a token.
 * @param {string|null} reason why the last one was refused
 * @param {keyof typeof PURPOSES} purpose
 * @returns {Promise<string|null>} null if the dialog was cancelled
 */
export function askToken(reason, purpose) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('token-dialog'));
  const input = /** @type {HTMLInputElement} */ (byId('token'));
  setText(byId('token-refused'), reason ?? '');
  byId('token-purpose').textContent = PURPOSES[purpose];
  byId('token-forget').hidden = purpose !== 'change';
  input.value = '';
  dialog.returnValue = '';
  if (!dialog.open) dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => {
      if (dialog.returnValue === 'forget') resolve('');
      else resolve(dialog.returnValue === 'ok' ? input.value.trim() : null);
    }, { once: true });
  });
}

/** Lets a token be replaced that is right but may not do what is wanted. */
export function watchTokenButton() {
  byId('token-open').addEventListener('click', async () => {
    const token = await askToken(null, 'change');
    if (token === null) return;
    setToken(token || null);
    // What the page holds was answered to the old one.
    location.reload();
  });
}
