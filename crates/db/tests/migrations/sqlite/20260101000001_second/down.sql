drop table holders;
