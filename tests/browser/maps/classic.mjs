/** Loads a library that is no module and leaves its name in `window`. */
export function classic(source) {
  return new Promise((resolve, reject) => {
    const script = document.createElement('script');
    Object.assign(script, { src: source, onload: resolve, onerror: () => reject(new Error(`no ${source}`)) });
    document.head.append(script);
  });
}
