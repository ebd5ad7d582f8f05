import { allowHashImport } from '../modules/workspace/hash-import.ts'
import { defineCommand } from './define.ts'
import { oneOf } from './option-values.ts'

/** `latchkey workspace hash-import`. */
export const workspaceHashImport = defineCommand({
  words: 'workspace hash-import',
  parameters: ['slug', 'on or off'],
  description: 'let a workspace import legacy keys by their hashes, or not',
  example: 'workspace hash-import main on',
  read({ slug, 'on or off': text }) {
    const state = oneOf('it', ['on', 'off'], text)
    return async (deps) => {
      const isChanged = await allowHashImport(deps, slug, state === 'on')
      const may = `workspace ${slug} may import ${state === 'on' ? '' : 'no '}hashes of legacy keys.`
      return {
        text: isChanged ? `The ${may}` : `Nothing was changed: the ${may}`,
        json: { slug, hashImport: state === 'on', isChanged },
      }
    }
  },
})
