with source as (

    select * from {{ source('stemma', 'families') }}

),

renamed as (

    select
        family_id,
        language,
        medoid_pattern_id,
        name as family,
        mean_score,
        cohesion,
        created_at,
        updated_at
    from source

)

select * from renamed
