/** How long an access token lives, in seconds. */
export const minTokenSeconds = 60
export const defaultTokenSeconds = 900
export const maxTokenSeconds = 3_600
/** How long a chain of rotations lives from its first token, in seconds. */
export const maxFamilySeconds = 86_400
