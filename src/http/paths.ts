/** Where operations are sent. */
export const graphqlPath = '/graphql'

/** Where documents are; the rest of the address is the id. */
export const documentsPath = '/documents/'
