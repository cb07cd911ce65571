with source as (

    select * from {{ source('stemma', 'family_members') }}

),

renamed as (

    select
        family_id,
        pattern_id,
        joined_at,
        similarity
    from source

)

select * from renamed
