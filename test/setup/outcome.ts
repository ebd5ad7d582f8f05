import type { World } from './world.ts'

/**
 * What came of a mutation, in words: `['done']`, its user errors as `CODE input.path`, a refused
 * field as `FORBIDDEN missing:permission`, or the credential's refusal as `UNAUTHENTICATED reason`.
 */
export async function outcome(
  world: World,
  secret: string,
  mutation: string,
  input: Readonly<Record<string, unknown>>,
): Promise<string[]> {
  const type = `${mutation.charAt(0).toUpperCase()}${mutation.slice(1)}Input`
  const query = `mutation ($input: ${type}!) { ${mutation}(input: $input) { errors { code path } } }`
  const answer = await world.gql(secret, query, { input })
  if (answer.errors.length > 0)
    return answer.errors.map(({ message, extensions }) => {
      const { code, reason, missingPermissions } = extensions
      const detail = reason ?? (Array.isArray(missingPermissions) ? missingPermissions : [message])
      return `${code} ${detail}`
    })
  const { errors } = answer.data[mutation]
  return errors.length === 0
    ? ['done']
    : errors.map((error: { code: string; path: string[] | null }) =>
        [error.code, error.path?.join('.')].filter(Boolean).join(' '),
      )
}
