import { ConfigError } from '../errors.ts'
import { allowHashImport } from '../modules/workspace/hash-import.ts'
import { defineCommand } from './define.ts'

/** `latchkey workspace hash-import`. */
export const workspaceHashImport = defineCommand({
  words: 'workspace hash-import',
  parameters: ['slug', 'on or off'],
  description: 'whether it may import legacy keys by their hashes',
  read({ slug, 'on or off': state }) {
    if (state !== 'on' && state !== 'off')
      throw new ConfigError(`it is ${JSON.stringify(state)}; expected on or off`)
    return async (deps) => {
      const isChanged = await allowHashImport(deps, slug, state === 'on')
      const may = `workspace ${slug} may import ${state === 'on' ? '' : 'no '}hashes of legacy keys.`
      return isChanged ? `The ${may}` : `Nothing was changed: the ${may}`
    }
  },
})
