import { callAll } from '../../when-known.ts'
import type { HttpPlugin } from '../plugin.ts'

/**
 * Plugins in one, as far as they have the hooks that Yoga makes a dozen objects for each time; none
 * may end the request there. They tell routes, read operations and write answers, so what Yoga brings
 * for that, and calls before them, is taken out.
 */
export function asOne(...plugins: HttpPlugin[]): HttpPlugin[] {
  const parse = plugins.map(({ onRequestParse }) => onRequestParse)
  const process = plugins.map(({ onResultProcess }) => onResultProcess)
  const one: HttpPlugin = {
    onPluginInit(list) {
      // What an option has switched off is `false` there.
      const brought = list.plugins.slice(0, (list.plugins as object[]).indexOf(one)) as HttpPlugin[]
      for (const [index, { onRequest, onRequestParse, onResultProcess }] of brought.entries())
        if (onRequest ?? onRequestParse ?? onResultProcess) list.plugins[index] = {}
    },
    onRequestParse: (payload) => callAll(parse, payload),
    onResultProcess: (payload) => callAll(process, payload),
  }
  return [one, ...plugins.map(({ onRequestParse: _, onResultProcess: __, ...rest }) => rest)]
}
