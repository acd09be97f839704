import { byId, setText } from './dom.js';

/**
 * Asks for the admin token.
 * @param {string|null} reason why the last one was refused
 * @returns {Promise<string|null>} null if the dialog was cancelled
 */
export function askToken(reason) {
  const dialog = /** @type {HTMLDialogElement} */ (byId('token-dialog'));
  const input = /** @type {HTMLInputElement} */ (byId('token'));
  setText(byId('token-refused'), reason ?? '');
  input.value = '';
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'ok' ? input.value.trim() : null), { once: true });
  });
}
