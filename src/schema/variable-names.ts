/** A name as long as this, in characters, is compared in some 25 ms. */
const longest = 50_000

/**
 * Whether an object inside the variables has a member of a very long name. graphql-js compares an
 * unknown name with every known one, by arrays as long as the name, half a second for a megabyte.
 */
export function hasLongName(variables: unknown): boolean {
  // Lists in lists may be deeper than calls can be.
  const waiting: unknown[] = [variables]
  while (waiting.length > 0) {
    const value = waiting.pop()
    if (typeof value !== 'object' || value === null) continue
    if (Array.isArray(value)) {
      for (const item of value) if (typeof item === 'object') waiting.push(item)
      continue
    }
    for (const name of Object.keys(value)) {
      if (name.length > longest) return true
      const member: unknown = Reflect.get(value, name)
      if (typeof member === 'object') waiting.push(member)
    }
  }
  return false
}
