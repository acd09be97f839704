/**
 * The map in its main states, held against reference pictures of the demo. Text is left out, since fonts
 * differ from machine to machine.
 */
import { readFile, writeFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { changedShare, check, folder, mapPicture, openMap } from './driver.mjs';

/** Share of the pixels that may differ, for edges that are drawn otherwise elsewhere. */
const MAX_CHANGED = 0.015;

const REFERENCES = fileURLToPath(new URL('shots', import.meta.url));

const WIDE = { viewport: { width: 760, height: 560 }, colorScheme: 'dark' };
const PHONE = { viewport: { width: 390, height: 600 }, colorScheme: 'light', hasTouch: true, isMobile: true };
const PLACE = 'map=9/43.20000/6.15000';

const SHOTS = {
  filled: [WIDE, `#time=2023-09-01&${PLACE}`],
  chunks: [WIDE, `#time=2023-08-01&chunks=on&${PLACE}`],
  ramp: [WIDE, `#time=2023-09-01&bands=nir&colormap=rdylgn&rescale=0,4000&${PLACE}`],
  phone: [PHONE, '#time=2023-09-01&compare=2023-08-01&map=8/43.20000/6.15000'],
};

/** @param {import('playwright-core').Browser} browser */
export async function checkShots(browser) {
  for (const [name, [options, hash]] of Object.entries(SHOTS)) {
    const { context, page } = await openMap(browser, options, hash);
    if (hash.includes('chunks=on')) await page.locator('.leaflet-states-pane .state').first().waitFor({ state: 'attached' });
    const picture = await mapPicture(page);
    await writeFile(path.join(folder, `shot-${name}.png`), picture);
    const file = path.join(REFERENCES, `${name}.png`);
    if (process.env.UPDATE_SHOTS === '1') {
      await mkdir(REFERENCES, { recursive: true });
      await writeFile(file, picture);
    }
    const changed = await changedShare(page, await readFile(file), picture);
    check(`the picture of ${name} is that of its reference`, changed <= MAX_CHANGED, { changed });
    await context.close();
  }
}
